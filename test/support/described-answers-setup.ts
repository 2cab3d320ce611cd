import { holdAnswersToTheDocument } from "./described-answers.ts";

holdAnswersToTheDocument();
