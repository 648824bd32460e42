// Original file: gapo/training/v1/training.proto


/**
 * Request for every run.
 */
export interface ListRunsRequestInput {
}

/**
 * Request for every run.
 */
export interface ListRunsRequest {
}
