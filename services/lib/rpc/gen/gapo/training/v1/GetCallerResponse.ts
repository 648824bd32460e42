// Original file: gapo/training/v1/training.proto


/**
 * Response with the caller.
 */
export interface GetCallerResponseInput {
  /**
   * The name of the caller's token, or the subject of the OpenID provider; empty if calls need no token.
   */
  'name'?: (string);
  /**
   * viewer, operator or admin; empty if calls need no token and anyone who can connect may do everything.
   */
  'role'?: (string);
}

/**
 * Response with the caller.
 */
export interface GetCallerResponse {
  /**
   * The name of the caller's token, or the subject of the OpenID provider; empty if calls need no token.
   */
  'name': (string);
  /**
   * viewer, operator or admin; empty if calls need no token and anyone who can connect may do everything.
   */
  'role': (string);
}
