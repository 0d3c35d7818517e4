using System.Text.Json;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Vmm.Host;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>How the findings of <c>doctor</c> are shown.</summary>
public sealed class DoctorCommandTests
{
    private static readonly HostReport Report = new(
        [
            new(
                "kvm-device",
                "kvm",
                CheckStatus.Pass,
                "the KVM device opens and speaks API version 12",
                "/dev/kvm opens, API version 12",
                null),
            new("kvm-sev", "sev", CheckStatus.Pass, "KVM offers SEV (KVM_MEMORY_ENCRYPT_OP)", "KVM_MEMORY_ENCRYPT_OP answers", null),
            new(
                "memlock",
                "limits",
                CheckStatus.Fail,
                "enough memory may be pinned (SEV and SEV-ES pin all guest RAM, the other modes none)",
                "8192 KiB; a SEV or SEV-ES guest of 512 MiB wants 540672 KiB",
                "ulimit -l 540672 (as root, before kvmsev), or LimitMEMLOCK=528M in the systemd unit; a larger guest wants as much more"),
            new(
                "sev-es-guest",
                "sev",
                CheckStatus.Skip,
                "the launch of a sev-es guest begins (tried)",
                "not tried: no reason at all",
                null),
        ],
        [
            new(SevMode.None, true, "KVM has what an ordinary guest needs; whether a 64-bit kernel runs on it is not tried here"),
            new(SevMode.Simulated, true, "guests can make the page-state hypercall; nothing is encrypted in this mode"),
            new(SevMode.Sev, false, "guest RAM cannot be pinned: memlock is 8192 KiB"),
        ]);

    [Fact]
    public void Text_IsTheGoldenOne_AndFitsATerminal()
    {
        string text = DoctorCommand.Describe(Report, DoctorCommand.Summarise(Report));

        Assert.Equal(Golden.Text("doctor.txt"), text);
        Assert.All(text.Split('\n'), static line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public void Json_IsTheGoldenOne() => Assert.Equal(
        Golden.Text("doctor.json"),
        JsonSerializer.Serialize(
            DoctorDocument.For(Report, DoctorCommand.Summarise(Report)), CliJsonContext.Readable.DoctorDocument) + "\n");

    [Theory]
    [InlineData(true, false, "only --sev none can be run here: ordinary guests, without SEV")]
    [InlineData(true, true, "modes that can be run here: none, simulated")]
    [InlineData(false, false, "no mode can be run here")]
    public void Summary_NamesTheModes(bool none, bool simulated, string expected) => Assert.Equal(
        expected,
        DoctorCommand.Summarise(new HostReport([], [new(SevMode.None, none, "r"), new(SevMode.Simulated, simulated, "r")])));
}
