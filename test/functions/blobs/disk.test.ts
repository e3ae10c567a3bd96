import { describeBlobs } from "./blobs-contract.ts";
import { openDisk } from "./disk-subject.ts";

describeBlobs("disk", { open: openDisk });
