// Original file: gapo/reward/v1/reward.proto


/**
 * Asks what the service is.
 */
export interface DescribeRequestInput {
}

/**
 * Asks what the service is.
 */
export interface DescribeRequest {
}
