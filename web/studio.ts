// The studio page.
import { application } from "./app";
import { StudioController } from "./controllers/studio_controller";

application.register("studio", StudioController);
