// The viewer page: the player element first, then what feeds it.
import "./elements/live_player";
import { application } from "./app";
import { ChaptersController } from "./controllers/chapters_controller";
import { ViewerController } from "./controllers/viewer_controller";

application.register("chapters", ChaptersController);
application.register("viewer", ViewerController);
