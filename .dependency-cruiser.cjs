// The arrows between folders: requests flow one way and imports never run back.
// Each rule reads "from here, to anything but this". `npm run layers` and test/repo/layers.test.ts run it.
// TypeScript 7 has no API that dependency-cruiser could use, so swc parses; without @swc/core it sees nothing and passes.

const npm = "(^|/)node_modules/";
const entries = "^functions/(api|sweep|local)(\\.ts$|/)";
const records = "^functions/domain/(records|slice-record|record-fields)\\.ts$";
const adapters = "^functions/(store/(?!(port|keys)\\.ts$)|blobs/(?!(port|keys)\\.ts$))";

/** @type {import("dependency-cruiser").IForbiddenRuleType[]} */
const forbidden = [
  {
    name: "no-cycles",
    comment: "Two files that need each other, even by type, are one file or hide a third.",
    severity: "error",
    from: { pathNot: npm },
    to: { circular: true },
  },
  {
    name: "everything-resolves",
    comment: "An import that cannot be followed is an arrow nobody checks.",
    severity: "error",
    from: { pathNot: npm },
    to: { couldNotResolve: true },
  },
  {
    name: "contract-stands-alone",
    comment: "Browser, Lambda, worker and CLI share it: zod only; Node's own modules only in files named node-*.ts.",
    severity: "error",
    from: { path: "^contract/" },
    to: { pathNot: ["^contract/", `${npm}zod/`], dependencyTypesNot: ["core"] },
  },
  {
    name: "contract-runs-in-browsers",
    comment: "Node's own modules only in contract/node-*.ts.",
    severity: "error",
    from: { path: "^contract/", pathNot: "^contract/node-" },
    to: { dependencyTypes: ["core"] },
  },
  {
    name: "domain-is-pure",
    comment: "Time, ids and bytes come in as values; nothing but contract and domain is imported.",
    severity: "error",
    from: { path: "^functions/domain/", pathNot: records },
    to: { pathNot: ["^contract/", "^functions/domain/"] },
  },
  {
    name: "records-are-schemas",
    comment: "The stored records are parsed when read, so their one description is a zod schema.",
    severity: "error",
    from: { path: records },
    to: { pathNot: ["^contract/", "^functions/domain/", `${npm}zod/`] },
  },
  {
    name: "actions-below-routes",
    comment: "domain <- actions <- routes <- app <- entries.",
    severity: "error",
    from: { path: "^functions/actions/" },
    to: { path: ["^functions/(routes/|app\\.ts$)", entries, `${npm}(hono|@hono)/`] },
  },
  {
    name: "routes-below-app",
    comment: "domain <- actions <- routes <- app <- entries.",
    severity: "error",
    from: { path: "^functions/routes/" },
    to: { path: ["^functions/app\\.ts$", entries] },
  },
  {
    name: "entries-on-top",
    comment: "Only the Lambda and embedded entries know each other; nothing below them does.",
    severity: "error",
    from: { path: "^functions/", pathNot: entries },
    to: { path: entries },
  },
  {
    name: "entries-choose-adapters",
    comment: "Nothing outside the entries knows which store or blob store it has.",
    severity: "error",
    from: { path: "^(functions|files|lan|sdk|worker|cli|web)/", pathNot: [entries, adapters] },
    to: { path: adapters },
  },
  {
    name: "store-adapters-know-their-port",
    comment: "A store adapter imports port, keys, domain and contract; never an action, never another folder.",
    severity: "error",
    from: { path: "^functions/store/" },
    to: { pathNot: ["^functions/(store|domain)/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "blob-adapters-know-their-port",
    comment: "As for the store.",
    severity: "error",
    from: { path: "^functions/blobs/" },
    to: { pathNot: ["^functions/(blobs|domain)/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "cloud-and-embedded-adapters-apart",
    comment: "Neither form may load the other's code.",
    severity: "error",
    from: { path: "^functions/(store/sqlite|blobs/disk)" },
    to: { path: "^functions/(store/dynamo|blobs/s3)" },
  },
  {
    name: "embedded-and-cloud-adapters-apart",
    comment: "Neither form may load the other's code.",
    severity: "error",
    from: { path: "^functions/(store/dynamo|blobs/s3)" },
    to: { path: "^functions/(store/sqlite|blobs/disk)" },
  },
  {
    name: "aws-sdk-in-adapters-only",
    comment: "The SDK is 30 times the program; the DynamoDB adapter and the Lambda entries may load it.",
    severity: "error",
    from: { pathNot: ["^functions/(store/(dynamo|meter)|api)", "^(cdk|test|bench)/", npm] },
    to: { path: `${npm}(@aws-sdk|@smithy)/` },
  },
  {
    name: "functions-know-no-program",
    comment: "The server never imports those who call it.",
    severity: "error",
    from: { path: "^functions/" },
    to: { path: "^(files|lan|sdk|worker|cli|web|cdk)/" },
  },
  {
    name: "files-speak-contract",
    comment: "Files move by grants; who asks for them, and why, is the business of sdk, cli and worker.",
    severity: "error",
    from: { path: "^files/" },
    to: { pathNot: ["^files/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "lan-speaks-contract",
    comment: "Finding a server: contract, and of files how TLS proves a pin.",
    severity: "error",
    from: { path: "^lan/" },
    to: { pathNot: ["^lan/", "^files/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "sdk-speaks-contract",
    comment: "The library is what other people's programs load: contract and files, nothing of ours above.",
    severity: "error",
    from: { path: "^sdk/" },
    to: { pathNot: ["^sdk/", "^files/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "worker-speaks-contract",
    comment: "The worker reaches the server by HTTP only.",
    severity: "error",
    from: { path: "^worker/" },
    to: { pathNot: ["^worker/", "^lan/", "^files/", "^contract/", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "cli-speaks-contract",
    comment:
      "The CLI reaches the server by HTTP only; up and worker, which are those programs, are the two exceptions. What a running worker tells on its own machine has its form in worker/status.ts, and doctor reads worker.toml as it would.",
    severity: "error",
    from: { path: "^cli/", pathNot: "^cli/commands/(up|worker)\\.ts$" },
    to: {
      pathNot: ["^cli/", "^sdk/", "^lan/", "^files/", "^contract/", "^worker/(status|check-owner-file)\\.ts$", npm],
      dependencyTypesNot: ["core"],
    },
  },
  {
    name: "cli-programs-by-their-entry",
    comment: "up and worker start the embedded server and the worker, and look no deeper.",
    severity: "error",
    from: { path: "^cli/commands/(up|worker)\\.ts$" },
    to: {
      pathNot: ["^(cli|sdk|lan|files|contract|worker)/", "^functions/local\\.ts$", npm],
      dependencyTypesNot: ["core"],
    },
  },
  {
    name: "web-speaks-contract",
    comment: "The console is a client like any other, and runs in a browser.",
    severity: "error",
    from: { path: "^web/" },
    to: { pathNot: ["^web/", "^contract/(?!node-)", npm] },
  },
  {
    name: "cdk-knows-names-only",
    comment: "The stack shares names of environment variables, keys and indexes with the code, nothing else.",
    severity: "error",
    from: { path: "^cdk/" },
    to: { pathNot: ["^cdk/", "^functions/(config|store/keys|blobs/keys)\\.ts$", npm], dependencyTypesNot: ["core"] },
  },
  {
    name: "nothing-imports-tests",
    comment: "No test switches and no test code in what ships.",
    severity: "error",
    from: { pathNot: ["^test/", npm] },
    to: { path: "^test/" },
  },
];

module.exports = {
  forbidden,
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    moduleSystems: ["es6", "cjs"],
    doNotFollow: { path: npm },
    exclude: { path: ["^dist/", "^cdk\\.out/", "/fixtures/"] },
    builtInModules: { add: [] },
    enhancedResolveOptions: {
      extensions: [".ts", ".tsx", ".js", ".mjs", ".cjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      mainFields: ["module", "main", "types"],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
