using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>version</c>.</summary>
[Verb("version", HelpText = "Print the versions of kvmsev, its runtime and KVM.")]
internal sealed class VersionOptions : CommonOptions
{
    /// <summary>The KVM device.</summary>
    [Option("kvm", MetaValue = "PATH", Default = "/dev/kvm", HelpText = "The KVM device.")]
    public string Kvm { get; set; } = string.Empty;
}
