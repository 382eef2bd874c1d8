// Loaded where people pay: the checkout page, and the sheet that a sales page opens.
import { application } from "./app";
import { CheckoutController } from "./controllers/checkout_controller";

application.register("checkout", CheckoutController);
