import type { Case } from "./case.ts";
import type { Place } from "./gate.ts";
import { CLAIM, DOWNLOAD, FINISH, UPLOAD } from "./stage.ts";
import { passLease } from "./worker-kills.ts";

const cutAt =
  (what: RegExp, place: Place): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const hold = stage.gate.hold(what, place);
    const sent = await stage.submit();
    await hold.arrived;
    hold.cut();
    if (what === CLAIM) await passLease(stage, sent);
    stage.expect(sent);
  };

export const connections: Case[] = [
  { name: "connection cut: claim half answered", run: cutAt(CLAIM, "half answered") },
  { name: "connection cut: input half downloaded", run: cutAt(DOWNLOAD, "half answered") },
  { name: "connection cut: output half uploaded", run: cutAt(UPLOAD, "half asked") },
  { name: "connection cut: output uploaded, answer half here", run: cutAt(UPLOAD, "half answered") },
  { name: "connection cut: finish half sent", run: cutAt(FINISH, "half asked") },
  { name: "connection cut: finish half answered", run: cutAt(FINISH, "half answered") },
];
