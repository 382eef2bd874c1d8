// For people who edit: parts of a sales page in place, rows of lists, sorting by drag. Visitors never load it.
import { application } from "./app";
import { PartController } from "./controllers/part_controller";
import { PartsController } from "./controllers/parts_controller";
import { RowsController } from "./controllers/rows_controller";
import { SortController } from "./controllers/sort_controller";

application.register("part", PartController);
application.register("parts", PartsController);
application.register("rows", RowsController);
application.register("sort", SortController);
