// What the OHIF viewer is told when it starts at /viewer: our DICOMweb, nobody else's; regions shown without a question,
// and outlines of reports drawn.
"use strict";

window.PUBLIC_URL = "/viewer/";
window.browserImportFunction = (name) => import(name);

const ROOT = "/dicom-web";
const LOOK_EVERY_MS = 300;
const LOOK_FOR_MS = 120_000;

// Lay our segmentation over the images that the viewer shows first, as its own menu of layers does.
function showRegions(servicesManager) {
  const begun = Date.now();
  const timer = setInterval(() => {
    if (Date.now() - begun > LOOK_FOR_MS) clearInterval(timer);
    const { displaySetService, viewportGridService, cornerstoneViewportService } = servicesManager.services;
    displaySetService?.getActiveDisplaySets?.().filter((one) => one.Modality === "SR" && one.load).forEach(leadThroughOutlines);
    const commands = servicesManager._extensionManager?._commandsManager;
    const regions = displaySetService?.getActiveDisplaySets?.().find((one) => one.Modality === "SEG");
    if (!commands || !regions || !viewportGridService) return;
    const { viewports, activeViewportId } = viewportGridService.getState();
    const shown = viewports.get(activeViewportId)?.displaySetInstanceUIDs ?? [];
    if (shown.includes(regions.displaySetInstanceUID)) {
      clearInterval(timer);
    } else if (
      shown.includes(regions.referencedDisplaySetInstanceUID) &&
      cornerstoneViewportService?.getCornerstoneViewport(activeViewportId)?.getImageIds?.().length
    ) {
      clearInterval(timer);
      commands.runCommand("addDisplaySetAsLayer", {
        viewportId: activeViewportId,
        displaySetInstanceUID: regions.displaySetInstanceUID,
      });
    }
  }, LOOK_EVERY_MS);
}

// What OHIF 3.13 makes of a report whose groups of measurements are not all outlines: it looks for the images of each
// group, also of one that has no place, and stops with an error; and its viewport, which begins with the first group,
// stays black where that has none. So such a group gets an empty place and counts as done, and is left out of what the
// viewport leads through.
function withPlace({ measurement }) {
  if (measurement.coords.length) return measurement;
  measurement.loaded = true;
  return { ...measurement, coords: [{}] };
}

const known = new WeakSet();

function leadThroughOutlines(report) {
  if (known.has(report)) return;
  known.add(report);
  const { load } = report;
  report.load = async () => {
    await load();
    report.measurements = report.measurements.filter((one) => one.coords.length);
  };
}

window.config = ({ servicesManager }) => {
  showRegions(servicesManager);
  return {
    name: "triaged",
    routerBasename: "/viewer",
    extensions: [],
    modes: [],
    customizationService: { "ohif.tours": { $set: [] }, onBeforeSRAddMeasurement: { $set: withPlace } },
    showStudyList: false,
    maxNumberOfWebWorkers: 3,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: true,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    disableConfirmationPrompts: true,
    investigationalUseDialog: { option: "never" },
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    defaultDataSourceName: "triaged",
    dataSources: [
      {
        namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
        sourceName: "triaged",
        configuration: {
          friendlyName: "triaged",
          name: "triaged",
          qidoRoot: ROOT,
          wadoRoot: ROOT,
          wadoUriRoot: ROOT,
          qidoSupportsIncludeField: true,
          imageRendering: "wadors",
          thumbnailRendering: "wadors",
          enableStudyLazyLoad: true,
          supportsFuzzyMatching: false,
          supportsWildcard: true,
          dicomUploadEnabled: false,
          omitQuotationForMultipartRequest: true,
          bulkDataURI: { enabled: true },
        },
      },
    ],
  };
};
