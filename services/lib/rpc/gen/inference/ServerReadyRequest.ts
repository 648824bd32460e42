// Original file: inference/open_inference.proto


/**
 * Asks for the server.
 */
export interface ServerReadyRequestInput {
}

/**
 * Asks for the server.
 */
export interface ServerReadyRequest {
}
