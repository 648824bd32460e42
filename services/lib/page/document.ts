/** The page's HTML. It is a module because only compiled files are shipped. */

/** The parts of the document, each as HTML. */
export interface DocumentParts {
  /** Links to styles, or the styles. */
  styles: string;
  /** The import map's script element. */
  importMap: string;
  /** The data of a report; empty where a server offers the page. */
  data: string;
}

/** Renders the document. Its only script imports the page by name, and the import map resolves that name. */
export function pageDocument({ styles, importMap, data }: DocumentParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>gapo</title>
<link rel="icon" href="data:,">
${styles}
${importMap}
${data}
</head>
<body>
<header>
<h1><a href="#">gapo</a></h1>
<nav id="runs" aria-label="Runs"></nav>
</header>
<main id="main"></main>
<noscript>This page requires JavaScript.</noscript>
<script type="module">import '#page/app.js';</script>
</body>
</html>
`;
}
