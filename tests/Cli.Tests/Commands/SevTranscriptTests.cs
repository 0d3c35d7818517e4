using System.Globalization;
using System.Text.Json;
using KvmSevVmm.TestSupport;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>What a simulated SEV host sees of each launch is the golden transcript: the same calls in the same order.</summary>
public sealed class SevTranscriptTests : IDisposable
{
    private readonly SevHostFixture _host = new();

    public static TheoryData<string, int> Launches =>
    [
        .. new[] { "sev-init", "sev-init2", "sev-es-init", "sev-es-init2" }
            .SelectMany(static _ => new[] { 1, 2, 4 }, static (launch, vcpus) => (launch, vcpus)),
    ];

    public void Dispose() => _host.Dispose();

    [Theory]
    [MemberData(nameof(Launches))]
    public async Task Launch_IsItsTranscript(string launch, int vcpuCount)
    {
        bool isEs = launch.StartsWith("sev-es", StringComparison.Ordinal);
        string legacy = launch.EndsWith('2') ? "off" : "on";

        SevHostRun run = await _host.RunAsync(
            isEs ? "--sev-es --cbit 46" : "--sev --cbit 46",
            $"{(isEs ? "sev-es" : "sev")},legacy-vm-type={legacy}",
            "--cpus",
            vcpuCount.ToString(CultureInfo.InvariantCulture));

        Assert.Empty(run.Violations);
        Assert.Equal(string.Join('\n', LaunchTranscript.Read(launch, vcpuCount)), string.Join('\n', Transcribe(run)));
    }

    /// <summary>The calls that change something, without what differs from run to run.</summary>
    private static IEnumerable<string> Transcribe(SevHostRun run)
    {
        ulong memory = Hex(run.Log.First(static line => IsCall(line, "KVM_SET_USER_MEMORY_REGION")), "uaddr");
        foreach (JsonElement line in run.Log.SkipLast(1))
        {
            string call = line.GetProperty("call").GetString()!;
            JsonElement arguments = line.GetProperty("args");
            string? rest = call switch
            {
                "PSP_PLATFORM_STATUS" or "SEV_INIT" or "SEV_ES_INIT" or "SEV_LAUNCH_UPDATE_VMSA" or "SEV_LAUNCH_FINISH" => string.Empty,
                "KVM_CREATE_VM" => $" type={arguments.GetProperty("type")}",
                "KVM_CREATE_VCPU" => $" id={arguments.GetProperty("id")}",
                "KVM_SET_USER_MEMORY_REGION" => $" slot={arguments.GetProperty("slot")} gpa={Text(line, "gpa")} size={Text(line, "size")}",
                "SEV_INIT2" =>
                    $" vmsa_features={Text(line, "vmsa_features")} flags={arguments.GetProperty("flags")} "
                    + $"ghcb_version={arguments.GetProperty("ghcb_version")}",
                "SEV_LAUNCH_START" =>
                    $" handle={arguments.GetProperty("handle")} policy={Text(line, "policy")} dh_len={arguments.GetProperty("dh_len")} "
                    + $"session_len={arguments.GetProperty("session_len")}",
                "KVM_MEMORY_ENCRYPT_REG_REGION" or "KVM_MEMORY_ENCRYPT_UNREG_REGION" =>
                    $" gpa=0x{Hex(line, "addr") - memory:x} size={Text(line, "size")}",
                "SEV_LAUNCH_UPDATE_DATA" => $" gpa=0x{Hex(line, "uaddr") - memory:x} len={arguments.GetProperty("len")}",
                "SEV_LAUNCH_MEASURE" => $" len={arguments.GetProperty("len")}",

                // Questions, and what every machine does.
                "KVM_GET_SUPPORTED_CPUID" or "KVM_CHECK_EXTENSION" or "KVM_HAS_DEVICE_ATTR" or "KVM_ENABLE_CAP" or "KVM_SET_CPUID2"
                    or "KVM_RUN" => null,
                _ => " (no transcript has such a call)",
            };
            if (rest is not null)
            {
                string error = line.TryGetProperty("errno", out JsonElement errno)
                    ? $" {errno} {line.GetProperty("fw_error_name")}"
                    : string.Empty;
                yield return call + rest + error;
            }
        }
    }

    private static bool IsCall(JsonElement line, string name) =>
        line.TryGetProperty("call", out JsonElement call) && call.GetString() == name;

    private static string Text(JsonElement line, string argument) => line.GetProperty("args").GetProperty(argument).GetString()!;

    private static ulong Hex(JsonElement line, string argument) =>
        ulong.Parse(Text(line, argument).AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
