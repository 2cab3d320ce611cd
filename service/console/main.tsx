import "./app/theme.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isSignedOut, queries } from "./app/claw.ts";
import { router } from "./app/router.tsx";

// A page that was left open while the console was built anew asks for parts that are no more.
addEventListener("vite:preloadError", () => location.reload());

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  // Without it the console works, while there is a network.
  navigator.serviceWorker.register("/worker.js").catch(() => undefined);
}

// Wherever it is found out that the session has ended: one comes back to where one was after signing in.
queries.getQueryCache().subscribe((event) => {
  const { pathname, href } = router.latestLocation;
  if (event.type === "updated" && event.action.type === "error" && isSignedOut(event.action.error) && pathname !== "/sign-in") {
    void router.navigate({ to: "/sign-in", search: { to: href === "/" ? undefined : href } });
  }
});

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
