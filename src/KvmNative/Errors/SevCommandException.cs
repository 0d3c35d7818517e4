using System.Globalization;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The kernel or the PSP firmware refused a SEV command; the message also names the firmware's status.</summary>
public sealed class SevCommandException : KvmException
{
    private SevCommandException(string call, Errno errno, SevFirmwareStatus status, string? hint, string message)
        : base(call, errno, hint, message)
    {
        FirmwareStatus = status;
    }

    /// <summary>What the firmware answered; <see cref="SevFirmwareStatus.Success"/> when the kernel itself refused.</summary>
    public SevFirmwareStatus FirmwareStatus { get; }

    /// <summary>Makes the exception for a guest command (KVM_MEMORY_ENCRYPT_OP).</summary>
    /// <param name="id">The command.</param>
    /// <param name="errno">The error number that the ioctl left.</param>
    /// <param name="firmwareError">The <c>error</c> field of the command, as the kernel left it.</param>
    public static SevCommandException FromErrno(SevCommandId id, int errno, uint firmwareError)
        => Make(SevCommandNames.Of(id), errno, firmwareError);

    /// <summary>Makes the exception for a platform command (SEV_ISSUE_CMD).</summary>
    /// <param name="id">The command.</param>
    /// <param name="errno">The error number that the ioctl left.</param>
    /// <param name="firmwareError">The <c>error</c> field of the command, as the kernel left it.</param>
    public static SevCommandException FromErrno(PlatformCommandId id, int errno, uint firmwareError)
        => Make(SevCommandNames.Of(id), errno, firmwareError);

    private static SevCommandException Make(string call, int errno, uint firmwareError)
    {
        Errno number = (Errno)errno;
        SevFirmwareStatus status = (SevFirmwareStatus)unchecked((int)firmwareError);
        string? hint = ErrorHints.Find(call, number, status);

        // What the firmware said first, then why and what to do: the same status means one thing and has many causes.
        string? meaning = status == SevFirmwareStatus.Success ? null : SevFirmwareStatusText.Meaning(status);
        string? advice = meaning is null ? hint ?? ErrnoText.Description(number) : hint is null ? meaning : $"{meaning} {hint}";
        string firmware = status switch
        {
            SevFirmwareStatus.Success => "",
            SevFirmwareStatus.NoFwCall => ", firmware NO_FW_CALL (-1)",
            _ => string.Create(CultureInfo.InvariantCulture, $", firmware {SevFirmwareStatusText.Name(status)} (0x{firmwareError:X2})"),
        };
        return new SevCommandException(call, number, status, hint, Format(call, number, firmware, advice));
    }
}
