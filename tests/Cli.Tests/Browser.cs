using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace KvmSevVmm.Cli.Tests;

/// <summary>A headless Chromium, driven by the W3C's WebDriver protocol through Debian's chromedriver.</summary>
internal sealed partial class Browser : IDisposable
{
    private const string Driver = "/usr/bin/chromedriver";
    private const string Chromium = "/usr/bin/chromium";
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _profile = Directory.CreateTempSubdirectory("kvmsev-chromium-");
    private readonly Process _process;
    private readonly HttpClient _http = new() { Timeout = Deadline };
    private string? _session;

    private Browser(Process process)
    {
        _process = process;
    }

    /// <summary>Why there is no browser here, or null.</summary>
    public static string? SkipReason =>
        File.Exists(Driver) && File.Exists(Chromium) ? null : "chromium and chromium-driver are not installed";

    /// <summary>Starts a browser.</summary>
    public static async Task<Browser> StartAsync()
    {
        Process process = Process.Start(
            new ProcessStartInfo(Driver, ["--port=0"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Browser browser = new(process);
        try
        {
            using CancellationTokenSource limit = new(Deadline);
            string? line;
            do
            {
                line = await process.StandardOutput.ReadLineAsync(limit.Token) ?? throw new IOException("chromedriver ended");
            }
            while (!Started().IsMatch(line));

            // What else it says, nobody needs; but a full pipe would stop it.
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            browser._http.BaseAddress = new Uri($"http://127.0.0.1:{Started().Match(line).Groups[1].Value}");
            JsonNode value = await browser.SendAsync(HttpMethod.Post, "/session", new JsonObject
            {
                ["capabilities"] = new JsonObject
                {
                    ["alwaysMatch"] = new JsonObject
                    {
                        ["browserName"] = "chrome",
                        ["goog:loggingPrefs"] = new JsonObject { ["browser"] = "ALL", ["performance"] = "ALL" },
                        ["goog:chromeOptions"] = new JsonObject { ["binary"] = Chromium, ["args"] = browser.Arguments() },
                    },
                },
            });
            browser._session = "/session/" + value["sessionId"]!.GetValue<string>();
            return browser;
        }
        catch
        {
            browser.Dispose();
            throw;
        }
    }

    /// <summary>Opens one of the program's pages and waits until it is drawn.</summary>
    /// <returns>Milliseconds from the navigation's start.</returns>
    public async Task<int> OpenAsync(string path)
    {
        await SendAsync(HttpMethod.Post, _session + "/url", new JsonObject { ["url"] = new Uri(path).AbsoluteUri });
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < Deadline)
        {
            if (await ScriptAsync("return document.documentElement.dataset.ready || ''") is { Length: > 0 } ready)
            {
                return int.Parse(ready, System.Globalization.CultureInfo.InvariantCulture);
            }

            await Task.Delay(50);
        }

        throw new TimeoutException("the page was not drawn: " + string.Join('\n', await LogAsync("browser")));
    }

    /// <summary>Runs a script that returns a text.</summary>
    public async Task<string> ScriptAsync(string script) =>
        (await SendAsync(
            HttpMethod.Post, _session + "/execute/sync", new JsonObject { ["script"] = script, ["args"] = new JsonArray() })).ToString();

    /// <summary>Waits until a script returns a text: what the browser tells a page of, it tells it when it likes.</summary>
    public async Task WaitForAsync(string script, string expected)
    {
        long started = Stopwatch.GetTimestamp();
        string actual;
        while ((actual = await ScriptAsync(script)) != expected && Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20))
        {
            await Task.Delay(20);
        }

        Assert.Equal(expected, actual);
    }

    /// <summary>The text of an element.</summary>
    public Task<string> TextAsync(string id) => ScriptAsync($"return document.getElementById('{id}').textContent");

    /// <summary>Presses keys, wherever the focus is.</summary>
    public async Task KeysAsync(params string[] keys)
    {
        JsonArray actions = [];
        foreach (string key in keys)
        {
            actions.Add(new JsonObject { ["type"] = "keyDown", ["value"] = key });
            actions.Add(new JsonObject { ["type"] = "keyUp", ["value"] = key });
        }

        await ActAsync(new JsonObject { ["type"] = "key", ["id"] = "keyboard", ["actions"] = actions });
    }

    /// <summary>Moves the pointer to a place of the window.</summary>
    public Task PointAsync(int x, int y) => ActAsync(new JsonObject
    {
        ["type"] = "pointer",
        ["id"] = "mouse",
        ["actions"] = new JsonArray(new JsonObject { ["type"] = "pointerMove", ["duration"] = 0, ["x"] = x, ["y"] = y }),
    });

    /// <summary>Sends a command of the DevTools protocol.</summary>
    public Task<JsonNode> DevToolsAsync(string command, JsonObject parameters) =>
        SendAsync(HttpMethod.Post, _session + "/goog/cdp/execute", new JsonObject { ["cmd"] = command, ["params"] = parameters });

    /// <summary>
    /// The messages of a log since it was last asked for: <c>browser</c> is the console, <c>performance</c> has the requests.
    /// </summary>
    public async Task<string[]> LogAsync(string type) =>
        [.. (await SendAsync(HttpMethod.Post, _session + "/se/log", new JsonObject { ["type"] = type })).AsArray()
            .Select(static entry => entry!["message"]!.GetValue<string>())];

    /// <summary>Keeps a picture of the window where KVMSEV_SCREENSHOTS names a directory; for a person to look at.</summary>
    public async Task ScreenshotAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("KVMSEV_SCREENSHOTS") is string directory)
        {
            JsonNode png = await SendAsync(HttpMethod.Get, _session + "/screenshot", null);
            await File.WriteAllBytesAsync(Path.Combine(directory, name + ".png"), Convert.FromBase64String(png.GetValue<string>()));
        }
    }

    public void Dispose()
    {
        try
        {
            if (_session is not null)
            {
                using HttpRequestMessage request = new(HttpMethod.Delete, _session);
                _http.Send(request).Dispose();
            }
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            // The driver has gone; its process tree goes below.
        }

        _http.Dispose();
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        try
        {
            _profile.Delete(recursive: true);
        }
        catch (IOException)
        {
            // A browser that was killed may still write its last file.
            Thread.Sleep(1000);
            _profile.Delete(recursive: true);
        }
    }

    [GeneratedRegex("started successfully on port ([0-9]+)")]
    private static partial Regex Started();

    private JsonArray Arguments() =>
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--window-size=1280,1000", "--user-data-dir=" + _profile.FullName,
    ];

    private Task<JsonNode> ActAsync(JsonObject source) =>
        SendAsync(HttpMethod.Post, _session + "/actions", new JsonObject { ["actions"] = new JsonArray(source) });

    private async Task<JsonNode> SendAsync(HttpMethod method, string path, JsonObject? body)
    {
        using HttpRequestMessage request = new(method, path)
        {
            // chromedriver wants a length, which a JsonContent does not have.
            Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage response = await _http.SendAsync(request);
        JsonNode document = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        return response.IsSuccessStatusCode
            ? document["value"] ?? JsonValue.Create(string.Empty)
            : throw new JsonException($"{path}: {document["value"]?["message"]}");
    }
}
