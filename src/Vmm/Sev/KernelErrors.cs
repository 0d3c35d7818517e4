using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Carries the kernel's refusals over to the contract that the model of the firmware shares.</summary>
internal static class KernelErrors
{
    /// <summary>Wraps a refusal; message and hint stay the kernel's.</summary>
    /// <param name="refused">What the kernel or, through it, the firmware refused.</param>
    internal static SevCommandFailedException Wrap(KvmException refused)
    {
        SevFirmwareStatus answered = refused is SevCommandException command ? command.FirmwareStatus : SevFirmwareStatus.NoFwCall;

        // 0 with an error number: the kernel refused, and the firmware had nothing against it.
        PspStatus? status = answered is SevFirmwareStatus.NoFwCall or SevFirmwareStatus.Success ? null : (PspStatus)(uint)answered;
        return new SevCommandFailedException(refused.Call, status, refused.Message, refused.Hint, refused);
    }
}
