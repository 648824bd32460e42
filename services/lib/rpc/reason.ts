// Translates grpc-js errors about failed connections into plain language.

/** System errors in the details of grpc-js errors, and what they mean. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|Name resolution failed/, 'no host of that name'],
  [/EAI_AGAIN/, 'the name server does not answer'],
  [/ECONNRESET|EPIPE|Connection dropped|Failed to connect/i, 'the connection broke'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route to the host'],
  [/ETIMEDOUT/, 'no answer in time'],
  [/certificate of (\S+), expected (\S+)/, 'its certificate is that of $1, expected $2'],
  [/certificate has expired/, 'its certificate has expired'],
  [/wrong version number|packet length too long/i, 'the server there does not speak TLS'],
  [
    /self.signed certificate|unable to (?:get|verify)/i,
    'its certificate is not signed by an authority that this process trusts (TLS_CA_FILE; ca for a model server)',
  ],
  [/certificate/i, 'its certificate is not trusted, or belongs to another host'],
  [/protocol error|EPROTO|Parse Error/i, 'the server there does not speak gRPC'],
];

/** Returns why a connection failed if the details of an UNAVAILABLE error say so; otherwise the details. */
export function connectionReason(details: string): string {
  if (!/^(No connection established|Name resolution failed)/.test(details)) return details;
  for (const [pattern, meaning] of reasons) {
    const match = pattern.exec(details);
    if (match !== null) return meaning.replaceAll(/\$(\d)/g, (_, group) => match[Number(group)] ?? '');
  }
  return details;
}
