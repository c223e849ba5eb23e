// The tokens of whoever logged in on this page. They live as long as the browser's tab (sessionStorage).
import { useSyncExternalStore } from "react";

const STORAGE_KEY = "dingkao.explorer.session";
const listeners = new Set();
let session = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");

// A duplicated tab has the same session: whichever refreshes it tells the other, whose refresh token is used up then.
const otherTabs = new BroadcastChannel(STORAGE_KEY);
otherTabs.onmessage = ({ data }) => {
  if (session !== null && session.refreshToken === data.used) setSession(data.next);
};

/** @returns {{account: string, token: string, refreshToken?: string} | {ended: true} | null} */
export function currentSession() {
  return session;
}

/** @returns the session that has a token to send; null where nobody is logged in, or is no more */
export function openSession() {
  return session === null || session.ended ? null : session;
}

export function setSession(next) {
  session = next;
  // That a session has ended is told once: a page that is loaded again begins anew.
  if (next === null || next.ended) sessionStorage.removeItem(STORAGE_KEY);
  else sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  for (const listener of listeners) listener();
}

/** Puts `next` in the place of the session with the refresh token `used`, here and in duplicated tabs. */
export function replaceSession(used, next) {
  // Somebody may have logged in anew, or cleared the tokens, while the answer was under way.
  if (session?.refreshToken === used) setSession(next);
  otherTabs.postMessage({ used, next });
}

export function useSession() {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentSession);
}
