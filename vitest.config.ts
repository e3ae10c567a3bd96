import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import packageJson from "./package.json" with { type: "json" };

export default defineConfig({
  define: { RENDT_VERSION: JSON.stringify(packageJson.version) },
  resolve: { alias: { rendt: new URL("./sdk/index.ts", import.meta.url).pathname } },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    exclude: ["**/fixtures/**", "**/node_modules/**"],
    // A process per file: a leaked handle, a changed folder or a killed group stays in its own test.
    pool: "forks",
    // Vitest leaves one core free, and half of the time a test waits for programs that it started.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    // A proxy of the developer's machine must not stand between a test and its loopback server.
    env: { NO_PROXY: "127.0.0.1,localhost,::1", no_proxy: "127.0.0.1,localhost,::1", NO_COLOR: "1" },
  },
});
