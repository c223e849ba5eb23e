// The page: the bar to log in, and GraphiQL with the example operations in its tabs.
import "./workers.js";
// Loaded with the page, not lazily as GraphiQL would: only so do their style sheets come with the page's own.
import "monaco-graphql/esm/monaco-editor.js";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./explorer.css";

import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { AccessBar } from "./access-bar.jsx";
import { EXAMPLES_PLUGIN } from "./examples.jsx";
import { request } from "./request.js";
import { exampleTabs } from "./setup.js";
import { showFirstExampleOnFirstVisit } from "./stored-tabs.js";
import { isEnglish, text } from "./text.js";

document.documentElement.lang = isEnglish ? "en" : "zh-CN";
document.title = text.title;
showFirstExampleOnFirstVisit();

const plugins = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

function fetcher(operation, options) {
  return request(operation, options?.headers);
}

createRoot(document.getElementById("explorer")).render(
  <>
    <AccessBar />
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      defaultTabs={exampleTabs.length > 0 ? exampleTabs : undefined}
      defaultEditorToolsVisibility
      shouldPersistHeaders
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <span>GraphiQL</span>
      </GraphiQL.Logo>
    </GraphiQL>
  </>,
);
