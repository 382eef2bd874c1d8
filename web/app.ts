// Loaded on every page: the small behaviours that make plain pages pleasant. Nothing here is needed to use them.
import { Application } from "@hotwired/stimulus";
import { BuyController } from "./controllers/buy_controller";
import { FlashController } from "./controllers/flash_controller";
import { FreshenController } from "./controllers/freshen_controller";
import { JoinBarController } from "./controllers/join_bar_controller";
import { LevelController } from "./controllers/level_controller";
import { LocalDatetimeController } from "./controllers/local_datetime_controller";
import { LocalTimeController } from "./controllers/local_time_controller";
import { OffersController } from "./controllers/offers_controller";
import { OfflineController } from "./controllers/offline_controller";
import { ShareController } from "./controllers/share_controller";
import { SheetController } from "./controllers/sheet_controller";
import { SlugController } from "./controllers/slug_controller";
import { SubmitController } from "./controllers/submit_controller";
import { TabsController } from "./controllers/tabs_controller";
import { ToastSampleController } from "./controllers/toast_sample_controller";

const application = Application.start();
application.register("buy", BuyController);
application.register("flash", FlashController);
application.register("freshen", FreshenController);
application.register("join-bar", JoinBarController);
application.register("level", LevelController);
application.register("local-datetime", LocalDatetimeController);
application.register("local-time", LocalTimeController);
application.register("offers", OffersController);
application.register("offline", OfflineController);
application.register("share", ShareController);
application.register("sheet", SheetController);
application.register("slug", SlugController);
application.register("submit", SubmitController);
application.register("tabs", TabsController);
application.register("toast-sample", ToastSampleController);

/** The page's one Stimulus application; the viewer and studio entries register theirs on it. */
export { application };
