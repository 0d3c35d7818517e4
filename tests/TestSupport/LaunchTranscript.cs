using System.Globalization;

namespace KvmSevVmm.TestSupport;

/// <summary>
/// The golden transcripts of the launches: every call of the kernel's and the firmware's interface, in order, one a line, that launching
/// the guest of <see cref="TinyKernel"/> with 64 MiB takes. Addresses are the guest's; what differs from run to run is left out.
/// </summary>
public static class LaunchTranscript
{
    /// <summary>The calls that go through the VM's SEV commands; the others make the VM, its vCPUs and its memory.</summary>
    private static readonly string[] CommandPrefixes = ["SEV_", "KVM_MEMORY_ENCRYPT_"];

    /// <summary>A transcript.</summary>
    /// <param name="launch">Its name: <c>sev-init</c>, <c>sev-init2</c>, <c>sev-es-init</c> or <c>sev-es-init2</c>.</param>
    /// <param name="vcpuCount">How many vCPUs the guest has.</param>
    public static string[] Read(string launch, int vcpuCount) =>
        File.ReadAllLines(Path.Combine(
            AppContext.BaseDirectory, "Launches", string.Create(CultureInfo.InvariantCulture, $"{launch}.{vcpuCount}.txt")));

    /// <summary>The lines of a transcript that are SEV commands and registrations of memory.</summary>
    /// <param name="transcript">The transcript.</param>
    public static IEnumerable<string> CommandsOf(IEnumerable<string> transcript) =>
        transcript.Where(static line => CommandPrefixes.Any(prefix => line.StartsWith(prefix, StringComparison.Ordinal)));
}
