using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Tests;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// Sessions that AMD's own sev-tool made for a platform whose key is known: the launch takes them, and the firmware refuses every other
/// platform, policy, certificate and session, in words that say so.
/// </summary>
public sealed class SevSessionTests : IDisposable
{
    private const string Tool = "amd-sev-tool/";
    private const string Sessions = Tool + "session/";
    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _host.Dispose();
    }

    [Theory]
    [InlineData("s_00", false, false)]
    [InlineData("s_00", false, true)]
    [InlineData("s_3f", true, false)]
    [InlineData("s_05_godh_y_top_zero", true, false)]
    public async Task Session_IsTakenAndItsKeyMakesTheMeasurement(string session, bool isEs, bool asBase64)
    {
        JsonElement expected = Vectors.Json(Sessions + session + "/expect.json");

        SevHostRun run = await LaunchAsync(
            "session/" + session,
            isEs,
            expected.GetProperty("policy").GetUInt32(),
            File("godh.cert", session, asBase64),
            File("launch_blob.bin", session, asBase64));

        Assert.Equal(isEs ? ExitCode.GuestCrash : (21 << 1) | 1, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Equal("True", run.OfVm("owner_session"));
        byte[] digest = Convert.FromHexString(run.OfVm("launch_digest"));
        byte[] measured = [0x04, 1, 55, 25, .. new byte[4], .. digest, .. Convert.FromHexString(run.OfVm("mnonce"))];
        BinaryPrimitives.WriteUInt32LittleEndian(measured.AsSpan(4), expected.GetProperty("policy").GetUInt32());
        byte[] measurement = HMACSHA256.HashData(expected.Hex("tik"), measured);
        Assert.Equal(Convert.ToHexStringLower(measurement), run.OfVm("measurement"));
        Assert.Equal(run.OfVm("measurement") + run.OfVm("mnonce"), run.Result.GetProperty("launchMeasurement").GetString());
    }

    [Theory]
    [InlineData("another platform", "full-flow", 0u, 0, 0)]
    [InlineData("another policy", "session/s_00", 1u, 0, 0)]
    [InlineData("a byte of the wrapped keys", "session/s_00", 0u, 20, 0)]
    [InlineData("a byte of their authentication code", "session/s_00", 0u, 70, 0)]
    [InlineData("a byte of the policy's authentication code", "session/s_00", 0u, 120, 0)]
    [InlineData("a byte of the owner's key", "session/s_00", 0u, 0, 40)]
    public async Task Session_ForSomethingElse_IsRefusedAsTheOwners(
        string what, string platform, uint policy, int changedInSession, int changedInKey)
    {
        SevHostRun run = await LaunchAsync(
            platform,
            isEs: false,
            policy,
            Changed("godh.cert", "s_00", changedInKey),
            Changed("launch_blob.bin", "s_00", changedInSession));

        Assert.Equal(ExitCode.BadInput, run.ExitCode);
        Assert.Empty(run.Violations);
        string expected = changedInKey != 0
            ? "kvmsev: KVM_SEV_LAUNCH_START failed: EIO (5), firmware INVALID_CERTIFICATE (0x06). "
                + "A certificate is malformed or of the wrong kind\n"
                + "  hint: The owner's Diffie-Hellman certificate is not a binary SEV certificate"
            : "kvmsev: KVM_SEV_LAUNCH_START failed: EIO (5), firmware BAD_MEASUREMENT (0x0B). "
                + "A measurement or authentication code does not match\n"
                + "  hint: The session data were not made with this platform's Diffie-Hellman key, or not for this policy.";
        Assert.True(run.Error.StartsWith(expected, StringComparison.Ordinal), $"{what}: {run.Error}");
    }

    private Task<SevHostRun> LaunchAsync(string platform, bool isEs, uint policy, string key, string session)
    {
        string identity = Path.GetDirectoryName(Vectors.Path(Tool + platform + "/pdh.cert"))!;
        string host = isEs ? "--sev-es --cbit 46" : "--sev --c-bit-alias";
        return _host.RunAsync(
            $"{host} --platform {identity}",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(isEs ? "sev-es" : "sev")},policy=0x{policy:x},dh-cert-file={key},session-file={session}"));
    }

    private string File(string name, string session, bool asBase64)
    {
        string path = _folder.File($"{Guid.NewGuid():N}-{name}");
        byte[] bytes = Vectors.Bytes($"{Sessions}{session}/{name}");
        System.IO.File.WriteAllBytes(path, asBase64 ? System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes) + "\n") : bytes);
        return path;
    }

    /// <summary>A copy with one byte changed; 0 changes none.</summary>
    private string Changed(string name, string session, int offset)
    {
        string path = _folder.File($"{Guid.NewGuid():N}-{name}");
        byte[] bytes = Vectors.Bytes($"{Sessions}{session}/{name}");
        bytes[offset] ^= (byte)(offset == 0 ? 0 : 1);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }
}
