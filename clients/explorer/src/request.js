// One way to ask the server, for the editor and for logging in.
import { currentSession } from "./session.js";

/**
 * POSTs one operation to the address that this page was opened at.
 * @param operation {query, variables, operationName}
 * @param headers what the reader typed under Headers; an Authorization there wins over the token of the login box
 * @returns the answer, as JSON; throws an Error with the status and text where the answer is not JSON
 */
export async function request(operation, headers = {}) {
  const allHeaders = new Headers({
    accept: "application/graphql-response+json, application/json;q=0.9",
    "content-type": "application/json",
    ...headers,
  });
  const session = currentSession();
  if (session !== null && !allHeaders.has("authorization")) allHeaders.set("authorization", `Bearer ${session.token}`);
  const response = await fetch(location.pathname, {
    method: "POST",
    headers: allHeaders,
    body: JSON.stringify(operation),
  });
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${body.slice(0, 500)}`);
  }
}
