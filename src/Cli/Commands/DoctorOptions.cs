using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>doctor</c>.</summary>
[Verb("doctor", HelpText = "Find out by trying which guests this host can run.")]
internal sealed class DoctorOptions : CommonOptions
{
    /// <summary>A mode that must be usable.</summary>
    [Choices("none", "simulated", "sev", "sev-es", "sev-snp")]
    [Option("require", MetaValue = "MODE", HelpText = "Exit with 69 unless this mode can be run: none, simulated, sev, sev-es or sev-snp.")]
    public string? Require { get; set; }

    /// <summary>The KVM device.</summary>
    [Option("kvm", MetaValue = "PATH", Default = "/dev/kvm", HelpText = "The KVM device.")]
    public string Kvm { get; set; } = string.Empty;

    /// <summary>The PSP device.</summary>
    [Option("sev-device", MetaValue = "PATH", Default = "/dev/sev", HelpText = "The PSP device.")]
    public string SevDevice { get; set; } = string.Empty;
}
