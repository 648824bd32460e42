/** Requests to servers of others: time limits, credentials, bounded answers, and failures that say when to make a request again. */
export { HttpClient, nameOf, type HttpClientOptions, type RequestLimits } from './client.js';
export { Answer } from './answer.js';
export { RequestFailure, isRetryableStatus, type RequestFailureOptions } from './requestFailure.js';
export {
  credentialsOf,
  fileToken,
  textToken,
  variableToken,
  type CredentialOptions,
  type Credentials,
  type Token,
} from './credentials.js';
export { excerpt, quoted, shown } from './excerpt.js';
