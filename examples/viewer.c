/* Plays a broadcast in an application of one's own: pads and messages.
 *
 *   cc -o viewer examples/viewer.c $(pkg-config --cflags --libs gstreamer-1.0)
 *   GST_PLUGIN_PATH=target/release ./viewer moq://relay.example.com/demo/cam
 */

#include <gst/gst.h>
#include <string.h>

typedef struct
{
  GMainLoop *loop;
  GstElement *pipeline;
  const gchar *video_sink;
  const gchar *audio_sink;
  gint failed;
} Viewer;

/* Called from a thread of the source. Whatever stays unlinked costs no bandwidth. */
static void
on_pad_added (GstElement * source, GstPad * pad, Viewer * viewer)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  gchar *name = gst_pad_get_name (pad);
  gchar *text = gst_caps_to_string (caps);
  gchar *description = NULL;

  g_print ("pad: %s %s\n", name, text);
  if (strcmp (name, "video_0") == 0)
    description = g_strdup_printf ("queue name=input ! decodebin ! videoconvert ! %s", viewer->video_sink);
  else if (strcmp (name, "audio_0") == 0)
    description =
        g_strdup_printf ("queue name=input ! decodebin ! audioconvert ! audioresample ! %s", viewer->audio_sink);

  if (description != NULL) {
    GError *error = NULL;
    GstElement *branch = gst_parse_bin_from_description (description, FALSE, &error);

    if (error != NULL) {
      g_printerr ("error: %s\n", error->message);
      g_clear_error (&error);
    }
    if (branch != NULL) {
      GstElement *input = gst_bin_get_by_name (GST_BIN (branch), "input");
      GstPad *entrance = gst_element_get_static_pad (input, "sink");
      GstPad *sink = gst_ghost_pad_new ("sink", entrance);

      gst_element_add_pad (branch, sink);
      gst_bin_add (GST_BIN (viewer->pipeline), branch);
      gst_element_sync_state_with_parent (branch);
      gst_pad_link (pad, sink);
      gst_object_unref (entrance);
      gst_object_unref (input);
    }
  }
  g_free (description);
  g_free (text);
  g_free (name);
  gst_caps_unref (caps);
}

static gboolean
on_message (GstBus * bus, GstMessage * message, Viewer * viewer)
{
  GError *error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_PROGRESS:{
      gchar *text = NULL;

      gst_message_parse_progress (message, NULL, NULL, &text);
      g_print ("%s\n", text);
      g_free (text);
      break;
    }
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      g_print ("warning: %s\n", error->message);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      g_printerr ("error: %s\n", error->message);
      viewer->failed = 1;
      g_main_loop_quit (viewer->loop);
      break;
    case GST_MESSAGE_EOS:
      g_print ("the broadcast has ended\n");
      g_main_loop_quit (viewer->loop);
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency (GST_BIN (viewer->pipeline));
      break;
    default:
      break;
  }
  g_clear_error (&error);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  Viewer viewer = { NULL, NULL, "autovideosink", "autoaudiosink", 0 };
  GError *error = NULL;
  GstElement *source;
  GstBus *bus;

  gst_init (&argc, &argv);
  if (argc < 2) {
    g_printerr ("usage: %s URI [VIDEO-SINK [AUDIO-SINK]]\n", argv[0]);
    return 2;
  }
  if (argc > 2)
    viewer.video_sink = argv[2];
  if (argc > 3)
    viewer.audio_sink = argv[3];

  source = gst_element_make_from_uri (GST_URI_SRC, argv[1], "source", &error);
  if (source == NULL) {
    g_printerr ("error: %s\n", error->message);
    g_clear_error (&error);
    return 1;
  }
  viewer.loop = g_main_loop_new (NULL, FALSE);
  viewer.pipeline = gst_pipeline_new ("viewer");
  gst_bin_add (GST_BIN (viewer.pipeline), source);
  g_signal_connect (source, "pad-added", G_CALLBACK (on_pad_added), &viewer);
  bus = gst_element_get_bus (viewer.pipeline);
  gst_bus_add_watch (bus, (GstBusFunc) on_message, &viewer);

  gst_element_set_state (viewer.pipeline, GST_STATE_PLAYING);
  g_main_loop_run (viewer.loop);
  gst_element_set_state (viewer.pipeline, GST_STATE_NULL);

  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  gst_object_unref (viewer.pipeline);
  g_main_loop_unref (viewer.loop);
  return viewer.failed;
}
