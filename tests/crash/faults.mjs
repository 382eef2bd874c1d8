import { until } from "../e2e/server.mjs";

// Every way in which a show can be hit. `strike` breaks something, `mend` is what people and machines then do.
export const FAULTS = {
  "the publisher's tab crashes": {
    strike: (show) => show.crashTab(),
    mend: (show) => show.returnToStudio(),
    lose: async (show) => {
      await show.crashTab();
      await show.studio.goto("about:blank");
    },
  },
  "the publisher's network is cut": {
    strike: async (show) => {
      await show.stage.cutNetwork();
    },
    mend: async (show) => {
      // The cut is real once the audience's picture stands still.
      await until(async () => !(await show.pictureMoves()), "the viewer's picture to stop", 30_000);
      // Signalling goes on all the while: the studio itself must notice that nothing comes back.
      await until(() => show.isOffStage(), "the studio to notice the dead link", 20_000);
      await until(async () => (await show.phase()) === "reconnecting", "the loss to be known", 20_000);
      show.stage.restore();
    },
    lose: async (show) => {
      await show.stage.cutNetwork();
      await show.studio.goto("about:blank");
    },
  },
  "the server is killed": {
    strike: (show) => show.stage.killServer(),
    mend: (show) => show.stage.start(),
    lose: async (show) => {
      await show.stage.killServer();
      await show.studio.goto("about:blank");
      await show.stage.start();
    },
  },
  "the media server is killed": {
    strike: (show) => show.stage.killMedia(),
    mend: async () => undefined,
    lose: async (show) => {
      await show.studio.goto("about:blank");
      await show.stage.killMedia();
    },
  },
  "both are killed": {
    strike: async (show) => {
      await show.stage.killServer();
      await show.stage.killMedia();
    },
    mend: (show) => show.stage.start(),
    lose: async (show) => {
      await show.stage.killServer();
      await show.stage.killMedia();
      await show.studio.goto("about:blank");
      await show.stage.start();
    },
  },
};
