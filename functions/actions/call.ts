import type { Principal, Quotas } from "../../contract/account.ts";
import type { Deps } from "../deps.ts";
import type { TokenRecord } from "../domain/records.ts";
import { type Askers, createAskers } from "./askers.ts";
import { type Builds, createBuilds } from "./builds.ts";
import { type Classes, createClasses } from "./classes.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { createGuesses, type Guesses } from "./guesses.ts";
import { createSightings, type Sightings } from "./sightings.ts";
import { createSpecs, type Specs } from "./spec.ts";
import type { Terms } from "./terms.ts";
import { createTold, type Told } from "./told.ts";

/** All that actions work with: what the entry gave, and what this process remembers of it. */
export type World = Deps & {
  specs: Specs;
  sightings: Sightings;
  askers: Askers;
  /** Records that a claim of this process is at work on: another one looks elsewhere first. Only a hint; commit decides. */
  busy: Set<string>;
  /** ms of a task of a job, as seen last: sizes the first lease of its other slices. */
  pace: Map<string, number>;
  /** Jobs that did not suit a worker, by id and place in the queue: whose they are, and what they ask. */
  unsuited: Map<string, Terms>;
  /** How far a worker got among jobs that pay too little, where its own account's may stand. */
  turns: Map<string, string>;
  told: Told;
  /** Tokens that were looked up lately, by id. */
  tokens: Map<string, { token: TokenRecord; until: number }>;
  /** Quotas of accounts, likewise. */
  quotas: Map<string, { quotas: Quotas; readAt: number }>;
  builds: Builds;
  classes: Classes;
  fleet: Fleet;
  /** Wrong enrolment codes that came lately. */
  guesses: Guesses;
};

export const createWorld = (deps: Deps): World => ({
  ...deps,
  specs: createSpecs(deps),
  sightings: createSightings(deps.store),
  askers: createAskers(deps.clock),
  busy: new Set(),
  pace: new Map(),
  unsuited: new Map(),
  turns: new Map(),
  told: createTold(),
  tokens: new Map(),
  quotas: new Map(),
  builds: createBuilds(deps.store),
  classes: createClasses(deps.store, deps.clock),
  fleet: createFleet(deps.store, deps.clock),
  guesses: createGuesses(),
});

/** One request as an action sees it: the world, who asks, and whether they are still there. */
export type Call = {
  world: World;
  who: Principal;
  /** Aborts when the asker went away; made when first asked for, because most calls never wait. */
  gone: () => AbortSignal;
  /** False for a revoked token and an outdated program: they may end what they run and claim nothing new. */
  mayClaim: boolean;
};
