using Iced.Intel;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>
/// The launches call the kernel exactly as the golden transcripts say; Cli.Tests compares the same files with what a simulated host sees.
/// </summary>
public sealed class LaunchTranscriptTests
{
    private const ulong MemoryBytes = 64 << 20;

    [Theory]
    [InlineData("sev-init", SevGuestKind.Sev, false)]
    [InlineData("sev-init2", SevGuestKind.Sev, true)]
    [InlineData("sev-es-init", SevGuestKind.SevEs, false)]
    [InlineData("sev-es-init2", SevGuestKind.SevEs, true)]
    public void Launch_MakesTheCallsOfItsTranscript(string launch, SevGuestKind kind, bool hasInit2)
    {
        bool isEs = kind == SevGuestKind.SevEs;
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(MemoryBytes, 48, isEs ? SevMode.SevEs : SevMode.Sev, 46));
        using KernelImage kernel = KernelImage.Parse(new MemoryImageSource("tiny", TinyKernel.Create(static (Assembler c) => c.hlt())));
        LoadedImage image = LoadedImage.Load(kernel, initrd: null, string.Empty, memory, AcpiTables.Create(1, []));
        TranscribingSevKernel host = new(memory);
        using (KernelSevCommands commands = new(host, hasInit2))
        {
            commands.Initialize(kind);
            using SevLaunch run = new(
                commands, new SevLaunchInput(kind, new LaunchStartRequest(new SevPolicy(isEs ? 5u : 1u), default, default)), Logger.None);
            run.Measure(memory, new LaunchContent(image.Measured, [], default));
            run.Finish();
        }

        // One vCPU: the save areas of all vCPUs are one command.
        Assert.Equal(LaunchTranscript.CommandsOf(LaunchTranscript.Read(launch, 1)), host.Transcript);
    }
}
