using System.Globalization;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The kernel's names of the SEV commands, for messages.</summary>
internal static class SevCommandNames
{
    /// <summary>The kernel's name of a guest command, such as KVM_SEV_LAUNCH_START.</summary>
    /// <param name="id">Any value.</param>
    public static string Of(SevCommandId id) => id switch
    {
        SevCommandId.Init => "KVM_SEV_INIT",
        SevCommandId.EsInit => "KVM_SEV_ES_INIT",
        SevCommandId.LaunchStart => "KVM_SEV_LAUNCH_START",
        SevCommandId.LaunchUpdateData => "KVM_SEV_LAUNCH_UPDATE_DATA",
        SevCommandId.LaunchUpdateVmsa => "KVM_SEV_LAUNCH_UPDATE_VMSA",
        SevCommandId.LaunchSecret => "KVM_SEV_LAUNCH_SECRET",
        SevCommandId.LaunchMeasure => "KVM_SEV_LAUNCH_MEASURE",
        SevCommandId.LaunchFinish => "KVM_SEV_LAUNCH_FINISH",
        SevCommandId.SendStart => "KVM_SEV_SEND_START",
        SevCommandId.SendUpdateData => "KVM_SEV_SEND_UPDATE_DATA",
        SevCommandId.SendUpdateVmsa => "KVM_SEV_SEND_UPDATE_VMSA",
        SevCommandId.SendFinish => "KVM_SEV_SEND_FINISH",
        SevCommandId.ReceiveStart => "KVM_SEV_RECEIVE_START",
        SevCommandId.ReceiveUpdateData => "KVM_SEV_RECEIVE_UPDATE_DATA",
        SevCommandId.ReceiveUpdateVmsa => "KVM_SEV_RECEIVE_UPDATE_VMSA",
        SevCommandId.ReceiveFinish => "KVM_SEV_RECEIVE_FINISH",
        SevCommandId.GuestStatus => "KVM_SEV_GUEST_STATUS",
        SevCommandId.DbgDecrypt => "KVM_SEV_DBG_DECRYPT",
        SevCommandId.DbgEncrypt => "KVM_SEV_DBG_ENCRYPT",
        SevCommandId.CertExport => "KVM_SEV_CERT_EXPORT",
        SevCommandId.GetAttestationReport => "KVM_SEV_GET_ATTESTATION_REPORT",
        SevCommandId.SendCancel => "KVM_SEV_SEND_CANCEL",
        SevCommandId.Init2 => "KVM_SEV_INIT2",
        SevCommandId.SnpLaunchStart => "KVM_SEV_SNP_LAUNCH_START",
        SevCommandId.SnpLaunchUpdate => "KVM_SEV_SNP_LAUNCH_UPDATE",
        SevCommandId.SnpLaunchFinish => "KVM_SEV_SNP_LAUNCH_FINISH",
        SevCommandId.SnpEnableReqCerts => "KVM_SEV_SNP_ENABLE_REQ_CERTS",
        _ => "KVM_SEV command " + ((uint)id).ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The kernel's name of a platform command, such as SEV_PLATFORM_STATUS.</summary>
    /// <param name="id">Any value.</param>
    public static string Of(PlatformCommandId id) => id switch
    {
        PlatformCommandId.FactoryReset => "SEV_FACTORY_RESET",
        PlatformCommandId.PlatformStatus => "SEV_PLATFORM_STATUS",
        PlatformCommandId.PekGen => "SEV_PEK_GEN",
        PlatformCommandId.PekCsr => "SEV_PEK_CSR",
        PlatformCommandId.PdhGen => "SEV_PDH_GEN",
        PlatformCommandId.PdhCertExport => "SEV_PDH_CERT_EXPORT",
        PlatformCommandId.PekCertImport => "SEV_PEK_CERT_IMPORT",
        PlatformCommandId.GetId => "SEV_GET_ID",
        PlatformCommandId.GetId2 => "SEV_GET_ID2",
        PlatformCommandId.SnpPlatformStatus => "SNP_PLATFORM_STATUS",
        PlatformCommandId.SnpCommit => "SNP_COMMIT",
        PlatformCommandId.SnpSetConfig => "SNP_SET_CONFIG",
        PlatformCommandId.SnpVlekLoad => "SNP_VLEK_LOAD",
        _ => "SEV command " + ((uint)id).ToString(CultureInfo.InvariantCulture),
    };
}
