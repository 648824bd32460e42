// Original file: gapo/reward/v1/reward.proto


/**
 * A request for the service's description.
 */
export interface DescribeRequestInput {
}

/**
 * A request for the service's description.
 */
export interface DescribeRequest {
}
