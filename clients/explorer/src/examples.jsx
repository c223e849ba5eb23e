// A panel that lists the example operations by title: with many tabs it is how to find one, and how to get back a
// tab that was closed.
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { exampleTabs } from "./setup.js";
import { restoreExamples } from "./stored-tabs.js";
import { text } from "./text.js";

function ExamplesIcon(properties) {
  return (
    <svg viewBox="0 0 24 24" width="1em" height="1em" fill="none" stroke="currentColor" strokeWidth="1.5" {...properties}>
      <path d="M8 5h12M8 12h12M8 19h12M4 5h.01M4 12h.01M4 19h.01" strokeLinecap="round" />
    </svg>
  );
}

function Examples() {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, queryEditor, variableEditor, headerEditor } = useGraphiQL(
    pick("tabs", "queryEditor", "variableEditor", "headerEditor"),
  );

  function open(example) {
    const index = tabs.findIndex((tab) => tab.query === example.query);
    if (index >= 0) {
      changeTab(index);
    } else {
      addTab();
      queryEditor?.setValue(example.query);
      variableEditor?.setValue(example.variables);
      headerEditor?.setValue(example.headers);
    }
    requestAnimationFrame(() => document.querySelector("[role=tab][aria-selected=true]")?.scrollIntoView());
  }

  return (
    <section aria-label={text.examples}>
      <div className="graphiql-doc-explorer-title">{text.examples}</div>
      <ol className="example-list">
        {exampleTabs.map((example) => (
          <li key={example.title}>
            <button type="button" className="graphiql-un-styled" onClick={() => open(example)}>
              {example.title}
            </button>
          </li>
        ))}
      </ol>
      <button type="button" className="graphiql-button" onClick={() => confirm(text.restoreConfirm) && restoreExamples()}>
        {text.restore}
      </button>
    </section>
  );
}

export const EXAMPLES_PLUGIN = { title: text.examples, icon: ExamplesIcon, content: Examples };
