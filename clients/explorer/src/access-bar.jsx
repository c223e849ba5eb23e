// The bar above the editor: what to do to be logged in, and a form that does it.
import { useState } from "react";
import { filledIn, found, request } from "./request.js";
import { openSession, setSession, useSession } from "./session.js";
import { logIn } from "./setup.js";
import { text } from "./text.js";

export function AccessBar() {
  useSession();
  const session = openSession();
  return (
    <header className="access-bar">
      <strong>{text.title}</strong>
      {logIn === null ? null : session === null ? <LogInForm /> : <LoggedIn account={session.account} />}
      <span className="access-bar-hint">{logIn === null ? text.headersHint : text.hint}</span>
    </header>
  );
}

function LoggedIn({ account }) {
  return (
    <>
      <span role="status">{text.loggedIn(account)}</span>
      <button type="button" onClick={() => setSession(null)}>
        {text.logOut}
      </button>
    </>
  );
}

function LogInForm() {
  const hasEnded = useSession()?.ended ?? false;
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState(hasEnded ? text.ended : null);

  async function submit(event) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const account = form.get("account").trim();
    setAsking(true);
    setProblem(null);
    try {
      const variables = filledIn(logIn.variables, { $account: account, $password: form.get("password") });
      const answer = await request({ query: logIn.query, variables });
      const token = found(answer, logIn.tokenPath);
      const refreshToken = logIn.refresh ? found(answer, logIn.refresh.ofLogInPath) : undefined;
      if (typeof token === "string") setSession({ account, token, refreshToken });
      else setProblem(firstMessage(answer) ?? text.refused);
    } catch (error) {
      setProblem(error.message);
    } finally {
      setAsking(false);
    }
  }

  return (
    <form onSubmit={submit}>
      <input name="account" required autoComplete="username" aria-label={text.account} placeholder={text.account} />
      <input
        name="password"
        type="password"
        required
        autoComplete="current-password"
        aria-label={text.password}
        placeholder={text.password}
      />
      <button type="submit" disabled={isAsking}>
        {isAsking ? text.loggingIn : text.logIn}
      </button>
      {problem && <span role="alert">{problem}</span>}
    </form>
  );
}

// A refusal says why in a field `message`: of a problem in the data, or of a top-level error.
function firstMessage(value) {
  if (value === null || typeof value !== "object") return null;
  if (typeof value.message === "string") return value.message;
  for (const child of Object.values(value)) {
    const message = firstMessage(child);
    if (message !== null) return message;
  }
  return null;
}
