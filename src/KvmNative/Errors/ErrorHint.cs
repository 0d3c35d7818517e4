namespace KvmSevVmm.KvmNative.Errors;

/// <summary>One row of <see cref="ErrorHints"/>.</summary>
/// <param name="Call">The call, <c>KVM_SEV_*</c> for every SEV guest command, <c>SEV_*</c> for every platform
/// command, <c>SEV firmware</c> for both, or <c>KVM_*</c> for every ioctl of KVM.</param>
/// <param name="Errno">The error number.</param>
/// <param name="Text">What to do, one or two sentences.</param>
/// <param name="Status">The firmware status that the row is for, or null for any.</param>
internal sealed record ErrorHint(string Call, Errno Errno, string Text, SevFirmwareStatus? Status = null);
