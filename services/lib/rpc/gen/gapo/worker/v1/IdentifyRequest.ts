// Original file: gapo/worker/v1/worker.proto


/**
 * A request for a worker's identity.
 */
export interface IdentifyRequestInput {
}

/**
 * A request for a worker's identity.
 */
export interface IdentifyRequest {
}
