// GraphiQL keeps its tabs, and what the editors of the open one hold, in the browser from the first visit on.
import { exampleTabs } from "./setup.js";

const TABS = "graphiql:tabState";
const OPEN_TAB = ["query", "variables", "headers"];

// Of default tabs GraphiQL shows the first one's query alone, and runs it without its variables. What it finds as
// stored it shows in full.
export function showFirstExampleOnFirstVisit() {
  if (localStorage.getItem(TABS) !== null || exampleTabs.length === 0) return;
  for (const part of OPEN_TAB) localStorage.setItem(`graphiql:${part}`, exampleTabs[0][part]);
}

// Without stored tabs GraphiQL starts from the examples again.
export function restoreExamples() {
  localStorage.removeItem(TABS);
  location.reload();
}
