using System.Text.Json;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.LabProbe;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Vcpus;

if (args is [LaunchLeaks.Verb, string attempts, string mode, .. string[] firmware])
{
    LaunchLeaks.Run(int.Parse(attempts, System.Globalization.CultureInfo.InvariantCulture), mode, firmware.FirstOrDefault());
    return;
}

if (args is [ControlDrive.WatchVerb, string watched, string maps, string journal])
{
    ControlDrive.Watch(watched, maps, journal);
    return;
}

if (args is [ControlDrive.SayVerb, string told, string command])
{
    ControlDrive.Say(told, command);
    return;
}

if (args is [ControlDrive.DriveVerb, string driven, string console, string ready])
{
    ControlDrive.Drive(driven, console, ready);
    return;
}

// One line of JSON for each case.
foreach (ProbeCase probe in HypercallCases.All.Concat(MsrCases.All))
{
    Console.WriteLine(JsonSerializer.Serialize(ProbeMachine.Run(probe), ProbeJsonContext.Default.ProbeResult));
}

using KvmDevice kvm = KvmDevice.Open();
foreach (ulong mask in new ulong[] { 0x1000, 0, 0x1001, 0x2000, 1UL << 44 })
{
    Report($"raw-mask-0x{mask:x}", vm => vm.EnableCap(KvmCap.ExitHypercall, mask));
    Report($"monitor-mask-0x{mask:x}", vm => HypercallExits.Enable(vm, mask, isNeeded: true));
}

Report("raw-flags-1", vm => vm.EnableCap(KvmCap.ExitHypercall, 0x1000, 0, flags: 1));

void Report(string name, Action<KvmVm> attempt)
{
    using KvmVm vm = kvm.CreateVm();
    string end = "accepted";
    try
    {
        attempt(vm);
    }
    catch (KvmException refused)
    {
        end = refused.Errno.ToString();
    }
    catch (HostLacksException refused)
    {
        end = refused.Message;
    }

    Console.WriteLine(JsonSerializer.Serialize(
        new ProbeResult
        {
            Name = name,
            End = end,
            Rax = "0x0",
            Rdx = "0x0",
            HypercallExits = 0,
            MsrExits = 0,
            IsLongMode = null,
            Rejected = null,
            Map = string.Empty,
            MigrationReady = false,
        },
        ProbeJsonContext.Default.ProbeResult));
}
