import { jobSpec } from "../../contract/job.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { hidden } from "../../files/mask/masker.ts";
import type { Order } from "../../sdk/order.ts";

/** The request that would create the job, its secrets hidden; inputs are read and named by content, nothing is sent. */
export async function previewJob({ spec, inputs, exclude, key }: Order): Promise<object> {
  const cwd = process.cwd();
  const built =
    inputs.length > 0 ? await buildTree(await collectInputs(inputs, { cwd, exclude, items: spec.items })) : undefined;
  const { secrets, ...told } = jobSpec.parse({ ...spec, ...(built && { inputs: built.tree }) });
  return { ...(key !== undefined && { key }), spec: { ...told, ...(secrets && { secrets: hidden(secrets) }) } };
}
