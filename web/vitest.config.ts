import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["models/**/*.test.ts", "lib/**/*.test.ts"] } });
