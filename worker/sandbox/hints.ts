const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /max_.*_namespaces exceeded|nesting depth|unshare failed: No space left/,
    "raise the sysctl user.max_user_namespaces; inside a container or another sandbox, start the worker outside of it",
  ],
  [
    /No permissions to create new namespace|Creating new namespace failed|unshare failed: Operation not permitted/,
    "set the sysctl kernel.unprivileged_userns_clone=1; in a container, let it make user namespaces",
  ],
  [
    /setting up uid map: Permission denied|RTM_NEWADDR|write failed .*_map/,
    "AppArmor forbids it: give bwrap, and unshare, a profile with `userns,` (the package apparmor-profiles has one on Ubuntu 24.04)",
  ],
  [/Unknown option/, "install bubblewrap 0.8 or newer"],
];

/** The one change that puts right what a tool has said, where it is known; with a colon in front. */
export const hintFor = (why: string): string => {
  const hint = HINTS.find(([pattern]) => pattern.test(why))?.[1];
  return hint === undefined ? "" : `: ${hint}`;
};
