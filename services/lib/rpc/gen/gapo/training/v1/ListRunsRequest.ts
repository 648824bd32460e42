// Original file: gapo/training/v1/training.proto


/**
 * Asks for every run.
 */
export interface ListRunsRequestInput {
}

/**
 * Asks for every run.
 */
export interface ListRunsRequest {
}
