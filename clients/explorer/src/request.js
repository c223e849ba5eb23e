// One way to ask the server, for the editor and for logging in.
import { openSession, replaceSession } from "./session.js";
import { logIn } from "./setup.js";

const NOT_LOGGED_IN = "UNAUTHENTICATED";
let refreshing = null;

/**
 * POSTs one operation to the address that this page was opened at. Where the token of the login box is good no more, it
 * is refreshed and the operation asked once again; where it cannot be, the session is over.
 * @param operation {query, variables, operationName}
 * @param headers what the reader typed under Headers; an Authorization there wins over the token of the login box
 * @returns the answer, as JSON; throws an Error with the status and text where the answer is not JSON
 */
export async function request(operation, headers = {}) {
  const session = openSession();
  if (session === null || new Headers(headers).has("authorization")) return post(operation, headers);
  const answer = await post(operation, { ...headers, authorization: `Bearer ${session.token}` });
  if (!isNotLoggedIn(answer) || !session.refreshToken || !logIn?.refresh) return answer;
  // Another operation of this page, or another tab, may have done it meanwhile.
  if (openSession()?.token === session.token) {
    refreshing ??= refresh(session).finally(() => (refreshing = null));
    await refreshing;
  }
  const next = openSession();
  return next === null ? answer : post(operation, { ...headers, authorization: `Bearer ${next.token}` });
}

/** @returns what lies at the path in an answer's data; undefined where nothing does */
export function found(answer, path) {
  return path.reduce((value, key) => value?.[key], answer.data);
}

async function refresh(session) {
  const { query, variables, tokenPath, refreshTokenPath } = logIn.refresh;
  const answer = await post({ query, variables: filledIn(variables, { $refreshToken: session.refreshToken }) });
  const token = found(answer, tokenPath);
  if (typeof token === "string") {
    replaceSession(session.refreshToken, { ...session, token, refreshToken: found(answer, refreshTokenPath) });
  } else if (isNotLoggedIn(answer)) replaceSession(session.refreshToken, { ended: true });
}

/** @returns the variables the server gave, with what is `typed` in the places of "$account" and the like */
export function filledIn(template, typed) {
  return JSON.parse(JSON.stringify(template), (_key, value) => typed[value] ?? value);
}

function isNotLoggedIn(answer) {
  return answer.errors?.some((error) => error.extensions?.code === NOT_LOGGED_IN) ?? false;
}

async function post(operation, headers = {}) {
  const response = await fetch(location.pathname, {
    method: "POST",
    headers: new Headers({
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...headers,
    }),
    body: JSON.stringify(operation),
  });
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${body.slice(0, 500)}`);
  }
}
