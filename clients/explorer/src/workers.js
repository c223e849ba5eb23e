// Monaco asks here for its web workers. They lie beside this script, so they come from the server of the page.
globalThis.MonacoEnvironment = {
  getWorker(_workerId, label) {
    switch (label) {
      case "graphql":
        return new Worker(new URL(GRAPHQL_WORKER, import.meta.url));
      case "json":
        return new Worker(new URL(JSON_WORKER, import.meta.url));
      default:
        return new Worker(new URL(EDITOR_WORKER, import.meta.url));
    }
  },
};
