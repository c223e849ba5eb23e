// The token of whoever logged in on this page. It lives as long as the browser's tab (sessionStorage).
import { useSyncExternalStore } from "react";

const STORAGE_KEY = "dingkao.explorer.session";
const listeners = new Set();
let session = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");

/** @returns {{account: string, token: string} | null} */
export function currentSession() {
  return session;
}

export function setSession(next) {
  session = next;
  if (next === null) sessionStorage.removeItem(STORAGE_KEY);
  else sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  for (const listener of listeners) listener();
}

export function useSession() {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentSession);
}
