// Original file: gapo/training/v1/training.proto


/**
 * Request for the caller.
 */
export interface GetCallerRequestInput {
}

/**
 * Request for the caller.
 */
export interface GetCallerRequest {
}
