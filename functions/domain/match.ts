import type { JobSpec } from "../../contract/job.ts";
import type { WorkerRecord } from "./records.ts";

/** The class of jobs that ask for nothing. */
const ANY = "any";
const MIB = 1024 * 1024;

/** The exact requirement of a job in one form, so that jobs that ask for the same share a class: `strict,cpus=2,memory=512` (sizes in MiB). */
export function classOf({ sandbox, limits }: Pick<JobSpec, "sandbox" | "limits">): string {
  const words = [
    ...(sandbox === "strict" ? ["strict"] : []),
    ...(limits?.cpus === undefined ? [] : [`cpus=${limits.cpus}`]),
    ...(limits?.memoryBytes === undefined ? [] : [`memory=${Math.ceil(limits.memoryBytes / MIB)}`]),
    ...(limits?.diskBytes === undefined ? [] : [`disk=${Math.ceil(limits.diskBytes / MIB)}`]),
  ];
  return words.join(",") || ANY;
}

type Machine = Pick<WorkerRecord, "sandbox" | "cpus" | "memoryBytes" | "diskBytes">;

/** Why a worker can't take jobs of a class, in plain words; empty when it can. A word that is not known here fits nobody. */
export function misfits(name: string, worker: Machine): string[] {
  if (name === ANY) return [];
  return name.split(",").flatMap((word) => {
    const [what = "", value = ""] = word.split("=");
    const wanted = Number(value);
    switch (what) {
      case "strict":
        return worker.sandbox === "strict" ? [] : [`its sandbox level is ${worker.sandbox}, the job asks for strict`];
      case "cpus":
        return worker.cpus >= wanted ? [] : [`it has ${worker.cpus} cpus, the job asks for ${wanted}`];
      case "memory":
        return tooSmall("memory", worker.memoryBytes, wanted);
      case "disk":
        // Workers that don't tell how much room they have look for themselves.
        return worker.diskBytes === undefined ? [] : tooSmall("disk", worker.diskBytes, wanted);
      default:
        return [`the requirement ${word} is not known to this server`];
    }
  });
}

function tooSmall(what: string, bytes: number, wantedMib: number): string[] {
  const mib = Math.floor(bytes / MIB);
  return mib >= wantedMib ? [] : [`it offers ${mib} MiB of ${what}, the job asks for ${wantedMib} MiB`];
}
