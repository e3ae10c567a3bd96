/** The package's library entry: what `import … from "rendt"` gives. */
export { RendtError } from "../contract/errors.ts";
