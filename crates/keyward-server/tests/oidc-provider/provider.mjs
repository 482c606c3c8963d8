// A provider for one run of the tests: an issuer on a port of its own, with a client for each
// algorithm of ID tokens. It says where it is in one line, and ends with its standard input.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";

// Where its package was installed, which is not where this file lies.
const installed = createRequire(pathToFileURL(`${process.argv[2]}/`));
const { default: Provider } = await import(pathToFileURL(installed.resolve("oidc-provider")).href);

const { redirect_uri, client_secret, auth_method } = JSON.parse(process.argv[3]);
const algorithms = ["RS256", "PS256", "ES256", "EdDSA"];

const jwk = (algorithm) => {
  const pair = {
    RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
    EdDSA: () => generateKeyPairSync("ed25519"),
  }[algorithm]();
  return { ...pair.privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig", kid: algorithm };
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: algorithms.map((algorithm) => ({
      client_id: `keyward-${algorithm}`,
      client_secret,
      redirect_uris: [redirect_uri],
      token_endpoint_auth_method: auth_method,
      id_token_signed_response_alg: algorithm,
    })),
    jwks: { keys: algorithms.map(jwk) },
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    // The mail address is in the ID token, too.
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@acme.example`, email_verified: true }),
    }),
    cookies: { keys: ["of this run alone"] },
    features: { devInteractions: { enabled: true } },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
