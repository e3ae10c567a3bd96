// Imported into a program before its own first line: half a gigabyte of memory in use, as a worker may have that moves much.
globalThis.ballast = Buffer.alloc(500 * 1024 * 1024, 1);
