import { chosenNetworks, type Network, ownNetworks } from "../lan/networks.ts";
import { foldersOf, readProfile, writeProfile } from "../sdk/profile.ts";
import type { Call } from "./command.ts";
import { profileName } from "./keep-token.ts";

type FindAgain = { networks: () => readonly Network[]; moved: (url: string) => void };

/** Where a worker looks for its server when that has moved; the profile then keeps the new address, for all commands. */
export function findAgain(call: Call, url: string): FindAgain {
  const { interface: chosen } = call.options;
  chosenNetworks(chosen);
  const folders = foldersOf(call.environment);
  const name = profileName(call);
  let last = url;
  return {
    networks: () => ownNetworks().filter(({ address }) => chosen === undefined || address === chosen),
    moved(found) {
      const saved = readProfile(folders, name);
      // The address may have come from elsewhere, and the profile may be of another server by now.
      if (saved?.url === last) writeProfile(folders, name, { ...saved, url: found });
      last = found;
    },
  };
}
