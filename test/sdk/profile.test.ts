import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveAddress } from "../../sdk/address.ts";
import {
  currentProfile,
  foldersOf,
  listProfiles,
  readProfile,
  removeProfile,
  useProfile,
  writeProfile,
} from "../../sdk/profile.ts";
import { temporaryFolder } from "../files/folder.ts";

const url = "http://127.0.0.1:4810";

describe("profiles", () => {
  it("lie in RENDT_HOME, else in the XDG folders", () => {
    expect(foldersOf({ RENDT_HOME: "/h" })).toEqual({ config: "/h", data: "/h" });
    expect(foldersOf({ XDG_CONFIG_HOME: "/c", XDG_DATA_HOME: "/d" })).toEqual({ config: "/c/rendt", data: "/d/rendt" });
    expect(foldersOf({})).toEqual({
      config: join(homedir(), ".config/rendt"),
      data: join(homedir(), ".local/share/rendt"),
    });
  });

  it("are written for their owner alone, and read back", () => {
    const folders = foldersOf({ RENDT_HOME: join(temporaryFolder(), "new") });
    expect(readProfile(folders, "default")).toBeUndefined();
    writeProfile(folders, "default", { url: `${url}/`, tokens: { submitter: "s" } });
    expect(readProfile(folders, "default")).toEqual({ url, tokens: { submitter: "s" } });
    const path = join(folders.config, "profiles/default.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ url, tokens: { submitter: "s" } });
  });

  it.each([0o644, 0o640, 0o606])("with mode %o are refused", (mode) => {
    const folders = foldersOf({ RENDT_HOME: temporaryFolder() });
    writeProfile(folders, "default", { url, tokens: {} });
    chmodSync(join(folders.config, "profiles/default.json"), mode);
    expect(() => readProfile(folders, "default")).toThrow(expect.objectContaining({ code: "unsafe_file" }));
  });

  it("that are damaged say where", () => {
    const folders = foldersOf({ RENDT_HOME: temporaryFolder() });
    mkdirSync(join(folders.config, "profiles"));
    writeFileSync(join(folders.config, "profiles/default.json"), '{"url":"nonsense"', { mode: 0o600 });
    expect(() => readProfile(folders, "default")).toThrow(/default.json is damaged/);
  });

  it("are listed, chosen and removed", () => {
    const folders = foldersOf({ RENDT_HOME: temporaryFolder() });
    expect([listProfiles(folders), currentProfile(folders)]).toEqual([[], "default"]);
    writeProfile(folders, "lab", { url, tokens: {} });
    writeProfile(folders, "default", { url, tokens: {} });
    useProfile(folders, "lab");
    expect([listProfiles(folders), currentProfile(folders)]).toEqual([["default", "lab"], "lab"]);
    expect(() => useProfile(folders, "gone")).toThrow(/there are: default, lab/);
    expect([removeProfile(folders, "lab"), removeProfile(folders, "lab")]).toEqual([true, false]);
    expect(currentProfile(folders)).toBe("default");
  });

  it.each(["../x", "a/b", "", ".hidden", "x".repeat(65)])("are not named %j", (name) => {
    expect(() => readProfile(foldersOf({ RENDT_HOME: temporaryFolder() }), name)).toThrow(/can't be the name/);
  });
});

describe("an address", () => {
  function world() {
    const home = temporaryFolder();
    const folders = foldersOf({ RENDT_HOME: home });
    writeProfile(folders, "default", { url, tokens: { submitter: "s", admin: "a", worker: "w" }, fingerprint: "ab" });
    writeProfile(folders, "lab", { url: "http://lab:1", tokens: { admin: "lab-a" } });
    const roles = ["submitter", "admin"] as const;
    const resolve = (wish = {}, environment = {}, wanted: typeof roles | readonly ["worker"] = roles) =>
      resolveAddress(wish, { environment: { RENDT_HOME: home, ...environment }, roles: wanted });
    return { home, resolve };
  }
  const pin = { origin: url, fingerprint: "ab" };

  it("is the profile's, with the token of the role that the call needs", () => {
    const { resolve } = world();
    expect(resolve()).toEqual({ url, token: "s", pin });
    expect(resolve({}, {}, ["worker"])).toEqual({ url, token: "w", pin });
    expect(resolve({ profile: "lab" })).toEqual({ url: "http://lab:1", token: "lab-a" });
    expect(resolve({}, { RENDT_PROFILE: "lab" })).toEqual({ url: "http://lab:1", token: "lab-a" });
  });

  it("is the environment's before the profile's, and the flag's before both", () => {
    const { resolve } = world();
    expect(resolve({}, { RENDT_URL: "http://e:1", RENDT_TOKEN: "e" })).toEqual({ url: "http://e:1", token: "e" });
    expect(resolve({ url: "http://f:1", token: "f" }, { RENDT_URL: "http://e:1", RENDT_TOKEN: "e" })).toEqual({
      url: "http://f:1",
      token: "f",
    });
    expect(resolve({ profile: "default" }, { RENDT_PROFILE: "lab" })).toMatchObject({ url });
  });

  it("does not look at a profile that it does not need", () => {
    const { resolve, home } = world();
    chmodSync(join(home, "profiles/default.json"), 0o644);
    expect(resolve({ url: "http://f:1", token: "f" })).toEqual({ url: "http://f:1", token: "f" });
    expect(() => resolve({ url: "http://f:1" })).toThrow(expect.objectContaining({ code: "unsafe_file" }));
  });

  it("never sends a profile's token to another server", () => {
    const { resolve } = world();
    expect(resolve({ url: "http://elsewhere:1" })).toEqual({ url: "http://elsewhere:1" });
    expect(resolve({ url: `${url}/` })).toEqual({ url, token: "s", pin });
  });

  it("takes a token from a private file", () => {
    const { resolve, home } = world();
    const path = join(home, "token");
    writeFileSync(path, "from-file\n", { mode: 0o600 });
    expect(resolve({}, { RENDT_TOKEN_FILE: path }).token).toBe("from-file");
    expect(resolve({ tokenFile: path }, { RENDT_TOKEN: "e" }).token).toBe("from-file");
    chmodSync(path, 0o644);
    expect(() => resolve({ tokenFile: path })).toThrow(expect.objectContaining({ code: "unsafe_file" }));
    expect(() => resolve({ tokenFile: join(home, "gone") })).toThrow(/there is no token file/);
  });

  it("that nobody named is an error that says what to do", () => {
    const environment = { RENDT_HOME: temporaryFolder() };
    expect(() => resolveAddress({}, { environment, roles: [] })).toThrow(
      expect.objectContaining({ code: "no_server" }),
    );
    expect(() => resolveAddress({ profile: "gone" }, { environment, roles: [] })).toThrow(/"gone"; none is saved/);
  });
});
